# No connection: nothing left, so there is nothing to ask about. It is tried again, and slower each time.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
nothing was sent
refund 1 is requested because of NOT_SENT
the terminal says nothing for 59 s
1 s pass
the terminal says refund
nothing was sent
the terminal says nothing for 59 s
1 s pass
the terminal says refund
nothing was sent
the terminal says nothing for 299 s
1 s pass
the terminal says refund
WeChat answers accepted
refund 1 is processing
