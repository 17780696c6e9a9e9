# Whoever answers without the key is not believed.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
a forged answer comes
the payment is verifying, the money is unknown
0.5 s pass
the terminal says query
a forged answer comes
3 s pass
the terminal says query
WeChat answers paid
the payment is paid, the money is taken
