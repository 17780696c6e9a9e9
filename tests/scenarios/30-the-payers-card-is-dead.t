# CHANGE: the money lies with the merchant and goes back by hand. It is not free for another refund.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds everything
the terminal says refund
WeChat answers accepted
5 s pass
the terminal says refundquery
WeChat answers CHANGE
refund 1 is needs_attention because of CHANGE
refund 1 needs a person
the payment is paid, the money is taken
a refund of 1.00 is refused: the payment is refunded already
somebody acknowledges refund 1
refund 1 needs nobody
the terminal says nothing for 100000 s
