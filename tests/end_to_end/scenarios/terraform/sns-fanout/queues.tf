output "queue_urls" {
  description = "The queues, by consumer."
  value = {
    billing  = module.billing.queue.url
    shipping = module.shipping.queue.url
  }
}
