# A queue survives a power cut. What was never sent is asked about all the same, then the minute holds.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers accepted
WeChat answers every question refunded for 10 s
the cashier refunds 10.00
the power fails
the power returns
the terminal says refundquery
WeChat answers REFUNDNOTEXIST
the terminal says nothing for 59 s
1 s pass
the terminal says refund
WeChat answers accepted
WeChat answers every question refunded for 10 s
refund 2 is refunded
