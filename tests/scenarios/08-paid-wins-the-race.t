# The cashier cancels, and the money comes before any reversal went out: it is a sale.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
the cashier cancels
WeChat answers paid
the payment is paid, the money is taken
