"""Step Functions on moto: the only room that knows moto."""
