# Reversing is no longer possible: the money goes back as a refund under one fixed number.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
the cashier cancels
no answer comes
0.3 s pass
the terminal says query
WeChat answers USERPAYING
the terminal says reverse
WeChat answers REVERSE_EXPIRE
the terminal says query
WeChat answers paid
the terminal says refund
WeChat answers accepted
the terminal says query
WeChat answers refunded
the payment is reversed, the money is returned
