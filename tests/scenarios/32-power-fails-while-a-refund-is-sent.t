# The power fails with the refund on the wire. The first word after it is a question; nothing is sent twice.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
the power fails
the power returns
the terminal says refundquery
WeChat answers PROCESSING
refund 1 is processing
the power fails
the power returns
refund 1 is processing
the terminal says refundquery
WeChat answers refunded
refund 1 is refunded
