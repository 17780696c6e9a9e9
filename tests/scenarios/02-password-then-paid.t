# The customer must confirm on the phone.
the cashier keys in 5000.00
the customer shows a code
the terminal says pay
WeChat answers USERPAYING
the payment is customer_paying, the money is unknown
the terminal says nothing for 4.8 s
0.2 s pass
the terminal says query
WeChat answers USERPAYING
3 s pass
the terminal says query
WeChat answers paid
the payment is paid, the money is taken
