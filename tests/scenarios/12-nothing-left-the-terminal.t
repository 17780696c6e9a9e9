# No connection: proven before the first byte, so nothing can have been charged.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
nothing was sent
the payment is declined, the money is none
the last decline was NOT_SENT
the terminal says nothing for 600 s
