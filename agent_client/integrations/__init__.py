"""The service where its users are: inside the libraries that they have.

`stable_baselines3` and `torchrl` have a replay buffer each, `torch_datasets` has what a DataLoader
reads, `gymnasium_wrappers` what makes any loop feed a table. `remote_table` is what the buffers
have in common. Each module needs its own library, which an extra of this distribution brings.
"""
