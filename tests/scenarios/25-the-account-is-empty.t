# NOTENOUGH: refunds come out of today's sales. It is asked about, queued for an hour, and says why.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers NOTENOUGH
refund 1 is requested because of NOTENOUGH
the terminal says nothing for 4.8 s
0.2 s pass
the terminal says refundquery
WeChat answers REFUNDNOTEXIST
refund 1 is requested because of NOTENOUGH
the terminal says nothing for 3599 s
1 s pass
the terminal says refund
WeChat answers accepted
refund 1 is processing
WeChat answers every question refunded for 10 s
refund 1 is refunded
