# Two parts: WeChat wants a minute between refunds of one order. The sum is checked here, before anything is said.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers accepted
the cashier refunds 70.00
refund 2 is requested
a refund of 6.01 is refused: the refund is more than what is left of the payment
a refund of 0.00 is refused: the amount is zero
WeChat answers every question refunded for 10 s
refund 1 is refunded
the payment is partially_refunded, the money is taken
the terminal says nothing for 49.9 s
0.3 s pass
the terminal says refund
WeChat answers accepted
WeChat answers every question refunded for 10 s
refund 2 is refunded
the payment is partially_refunded, the money is taken
the cashier refunds everything
WeChat answers every question refunded for 60 s
the terminal says refund
WeChat answers accepted
WeChat answers every question refunded for 10 s
the payment is refunded, the money is returned
