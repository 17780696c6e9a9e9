# Nobody types the password. After 45 s one last question, then it is reversed, and a query confirms it.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers USERPAYING
WeChat answers every question USERPAYING for 44 s
the payment is customer_paying, the money is unknown
WeChat answers every question USERPAYING for 2 s
the terminal says reverse
the payment is reversing, the money is unknown
WeChat answers accepted
the terminal says query
WeChat answers revoked
the payment is reversed, the money is none
the terminal says nothing for 600 s
