# REFUNDCLOSE: the money stays with the shop, and may be given back under another refund_ref.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds everything
the terminal says refund
WeChat answers accepted
5 s pass
the terminal says refundquery
WeChat answers REFUNDCLOSE
refund 1 is failed because of REFUNDCLOSE
refund 1 needs a person
the payment is paid, the money is taken
the cashier refunds everything
60 s pass
the terminal says refund
WeChat answers accepted
