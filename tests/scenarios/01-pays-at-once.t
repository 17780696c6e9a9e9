# The plain sale.
the cashier keys in 88.00
the payment is armed, the money is none
the customer shows a code
the terminal says pay
the payment is submitting, the money is unknown
WeChat answers paid
the payment is paid, the money is taken
the terminal says nothing for 600 s
