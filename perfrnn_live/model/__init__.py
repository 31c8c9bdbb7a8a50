"""The network and the engines that step it."""
