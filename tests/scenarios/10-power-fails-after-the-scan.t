# The power fails with the pay on the wire. The first word after it is a question.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
the power fails
the power returns
the payment is verifying, the money is unknown
the terminal says query
WeChat answers paid
the payment is paid, the money is taken
