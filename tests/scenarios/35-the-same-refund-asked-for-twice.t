# The POS did not hear and asks again: the same refund. With another amount it is a mistake.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
the cashier asks for the same refund of 12.00
WeChat answers accepted
WeChat answers every question refunded for 10 s
the cashier asks for the same refund of 12.00
refund 1 is refunded
the terminal says nothing for 1000 s
