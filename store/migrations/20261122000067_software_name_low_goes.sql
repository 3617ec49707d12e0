-- `software_names` has its columns in its order.
DROP INDEX software_name_low;
