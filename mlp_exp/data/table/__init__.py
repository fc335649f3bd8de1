"""CSV and Parquet files as datasets."""
