# WeChat says no and took the money all the same.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers NOTENOUGH
0.5 s pass
the terminal says query
WeChat answers paid
the payment is paid, the money is taken
