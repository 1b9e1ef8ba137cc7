output "mappings" {
  description = "The ids of the event source mappings, by stream."
  value       = { for name, mapping in module.timelines.streams : name => mapping.uuid }
}

output "function_name" {
  description = "The function that keeps the timelines."
  value       = module.timelines.function.name
}
