# return_code FAIL is unsigned. Only two unknown orders five seconds apart make it a no.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers FAIL sign error
0.5 s pass
the terminal says query
WeChat answers ORDERNOTEXIST
3 s pass
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is verifying, the money is unknown
3 s pass
the terminal says query
WeChat answers ORDERNOTEXIST
the payment is declined, the money is none
