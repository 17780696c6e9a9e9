# The answer never comes; the money was taken, and a query knows.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
no answer comes
the payment is verifying, the money is unknown
0.5 s pass
the terminal says query
WeChat answers paid
the payment is paid, the money is taken
