/// @file
/// Suspended coroutines in lists.
#pragma once

#include <coroutine>

#pragma GCC visibility push(default)
namespace wolframite::detail {

/// A place in a circular list. Takes itself out when it dies.
struct ListNode {
  ListNode* prev = this;
  ListNode* next = this;

  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool is_linked() const { return next != this; }
  void unlink() noexcept {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
  void insert_before(ListNode& position) noexcept {
    unlink();
    prev = position.prev;
    next = &position;
    prev->next = this;
    position.prev = this;
  }
};

/// A coroutine that waits for something. Lives in the coroutine's frame or is owned by it, so that
/// it leaves its list when the frame is destroyed.
struct Waiter : ListNode {
  std::coroutine_handle<> frame;
};

}  // namespace wolframite::detail
#pragma GCC visibility pop
