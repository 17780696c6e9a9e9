# Two minutes without a code.
the cashier keys in 88.00
the terminal says nothing for 119 s
1 s pass
the payment is expired, the money is none
the code is not taken
