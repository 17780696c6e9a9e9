# As before, but nothing had arrived. The order's minute counts from the restart: nobody knows when the call left.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
the power fails
the power returns
WeChat answers every question REFUNDNOTEXIST for 59 s
the terminal says nothing for 0.1 s
WeChat answers every question REFUNDNOTEXIST for 2 s
the terminal says refund
WeChat answers accepted
refund 1 is processing
