"""What people do by hand, with their own rights and not the controller's: `backups`, `restore`, `resize` and more."""
