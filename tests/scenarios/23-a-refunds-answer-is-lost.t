# The refund's answer is lost, but it arrived: a question knows.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
no answer comes
refund 1 is requested
0.5 s pass
the terminal says refundquery
WeChat answers PROCESSING
refund 1 is processing
WeChat answers every question refunded for 10 s
refund 1 is refunded
