"""What tests share: commands, configurations, tables, folders, members."""
