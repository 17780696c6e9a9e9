# A signed answer with another amount is an incident: a person must look, and the questions go on.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers accepted
5 s pass
the terminal says refundquery
a signed answer about something else comes
refund 1 is needs_attention
refund 1 needs a person
WeChat answers every question refunded for 20 s
refund 1 is refunded
