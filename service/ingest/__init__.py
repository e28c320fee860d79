"""The way in: feed items, hook notifications, courier updates and commands become facts."""
