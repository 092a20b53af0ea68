"""The tasks, a file each; a file with a `TASK` in it is in `counterfoil eval list`."""
