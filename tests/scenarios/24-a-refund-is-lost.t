# The refund never arrived. Only when WeChat has said so twice, and late, is it sent again, with the same number.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
no answer comes
WeChat answers every question REFUNDNOTEXIST for 50 s
refund 1 is requested
the terminal says nothing for 3 s
WeChat answers every question REFUNDNOTEXIST for 10 s
the terminal says refund
WeChat answers accepted
WeChat answers every question refunded for 10 s
refund 1 is refunded
