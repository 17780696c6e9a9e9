# A refusal that time does not cure, and a question that knows of nothing: failed is proven, and the sum is free.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds everything
the terminal says refund
WeChat answers USER_ACCOUNT_ABNORMAL
a refund of 1.00 is refused: the payment is refunded already
5 s pass
the terminal says refundquery
WeChat answers SYSTEMERROR
refund 1 is requested because of USER_ACCOUNT_ABNORMAL
3 s pass
the terminal says refundquery
WeChat answers REFUNDNOTEXIST
refund 1 is failed because of USER_ACCOUNT_ABNORMAL
the payment is paid, the money is taken
refund 1 needs a person
somebody acknowledges refund 1
refund 1 needs nobody
the cashier refunds 1.00
50 s pass
the terminal says nothing for 1 s
1 s pass
the terminal says refund
WeChat answers accepted
