"""The prober's parts: what an answer is, how answers add up, how requests are sent."""
