# The order has more refunds than one answer lists: the next page is asked for at once, and never for ever.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers accepted
5 s pass
the terminal says refundquery
WeChat answers more from 10
the terminal says refundquery
WeChat answers more from 20
the terminal says refundquery
WeChat answers more from 20
the terminal says nothing for 7 s
1 s pass
the terminal says refundquery
WeChat answers refunded
refund 1 is refunded
