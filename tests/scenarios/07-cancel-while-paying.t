# The cashier cancels at once; the reversal must wait for 15 s, and asks first.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers USERPAYING
the cashier cancels
the payment is customer_paying, the money is unknown
WeChat answers every question USERPAYING for 14.8 s
the payment is customer_paying, the money is unknown
WeChat answers every question USERPAYING for 1 s
the terminal says reverse
WeChat answers USERPAYING
the terminal says query
WeChat answers USERPAYING
the payment is reversing, the money is unknown
5 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers revoked
the payment is reversed, the money is none
