# docs/operations/runbook.md says what to do when one of them fires.

locals {
  alarms = {
    dead-letters = {
      says      = "Messages that are none of S3's, or that nobody could apply. Runbook: The dead-letter queue fills."
      queue     = aws_sqs_queue.dead_letters.name
      metric    = "ApproximateNumberOfMessagesVisible"
      threshold = 0
    }
    changes-wait = {
      says      = "A change of a document waits for over ${var.alarm_age_minutes} minutes. Runbook: Changes wait in the queue."
      queue     = aws_sqs_queue.changes.name
      metric    = "ApproximateAgeOfOldestMessage"
      threshold = var.alarm_age_minutes * 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "made" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  # A queue without traffic reports nothing.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_topics
  ok_actions         = var.alarm_topics
  tags               = var.tags
}
