# Only what is paid can be refunded: what is unsettled is cancelled, what is reversed is over.
the cashier keys in 88.00
a refund of 1.00 is refused: the payment is not settled yet
the customer shows a code
the terminal says pay
a refund of 1.00 is refused: the payment is not settled yet
WeChat answers USERPAYING
the cashier cancels
WeChat answers every question USERPAYING for 16 s
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers revoked
the payment is reversed, the money is none
a refund of 1.00 is refused: the payment was not paid
