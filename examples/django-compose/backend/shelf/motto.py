MOTTO = "this is main"
