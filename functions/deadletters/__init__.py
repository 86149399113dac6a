"""The deadletters function: keeps the events that the Broker gave up, tells of them, and sends them again."""
