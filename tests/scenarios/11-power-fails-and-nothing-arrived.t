# The pay never arrived. Only when its code is dead and two questions far apart know no order is it closed.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
the power fails
the power returns
the terminal says query
WeChat answers ORDERNOTEXIST
WeChat answers every question ORDERNOTEXIST for 16 s
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers ORDERNOTEXIST
5 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers ORDERNOTEXIST
10 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is reversing, the money is unknown
20 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is reversing, the money is unknown
30 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is reversed, the money is none
WeChat answers every question ORDERNOTEXIST for 600 s   # the late-landing watch
the payment is reversed, the money is none
