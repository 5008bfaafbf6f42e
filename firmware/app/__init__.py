"""The recorder. Only capture, net, portal, power, led, button and device touch hardware."""

VERSION = "0.1.0"
