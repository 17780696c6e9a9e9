# The plain refund. SUCCESS means accepted; a question says when the customer has the money.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds everything
the terminal says refund
refund 1 is requested
the payment is paid, the money is taken
WeChat answers accepted
refund 1 is processing
the terminal says nothing for 4.8 s
0.2 s pass
the terminal says refundquery
WeChat answers PROCESSING
the terminal says nothing for 7 s
0.5 s pass
the terminal says refundquery
WeChat answers refunded
refund 1 is refunded
the payment is refunded, the money is returned
refund 1 needs nobody
a refund of 1.00 is refused: the payment is refunded already
the terminal says nothing for 100000 s
