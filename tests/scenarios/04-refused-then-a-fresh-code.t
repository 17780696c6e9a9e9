# A signed refusal and a query that knows no order agree; a fresh code cures it.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers NOTENOUGH
the payment is verifying, the money is unknown
0.5 s pass
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is armed, the money is none
the last decline was NOTENOUGH
the code is not taken            # the same code again
4 s pass
the code is not taken
the customer shows a code
the terminal says pay
WeChat answers paid
the payment is paid, the money is taken
