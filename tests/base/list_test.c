#include "tests/test.h"

#include "base/list.h"

struct item {
    int number;
    struct list link;
};

static struct item *item_of(struct list *link)
{
    return CONTAINER_OF(link, struct item, link);
}

/* The numbers in order as one decimal number: 1 then 2 then 3 is 123. */
static int digits(const struct list *head)
{
    int result = 0;
    LIST_FOR_EACH(at, head) result = result * 10 + item_of(at)->number;
    return result;
}

static void fill(struct list *head, struct item *items, int count)
{
    list_init(head);
    for (int i = 0; i < count; i++) {
        items[i].number = i + 1;
        list_push_back(head, &items[i].link);
    }
}

TEST(list, keeps_the_order_of_pushes)
{
    struct list head;
    struct item items[4] = {0}, front = {.number = 9};
    fill(&head, items, 4);
    list_push_front(&head, &front.link);
    assert_int_equal(digits(&head), 91234);
    list_remove(&items[1].link);
    assert_int_equal(digits(&head), 9134);
    list_insert_before(&items[3].link, &items[1].link);
    assert_int_equal(digits(&head), 91324);
}

TEST(list, a_removed_link_is_empty_and_can_be_removed_again)
{
    struct list head;
    struct item items[2] = {0};
    fill(&head, items, 2);
    list_remove(&items[0].link);
    assert_true(list_empty(&items[0].link));
    list_remove(&items[0].link);
    assert_int_equal(digits(&head), 2);
}

TEST(list, pop_front_empties_it_in_order)
{
    struct list head;
    struct item items[3] = {0};
    fill(&head, items, 3);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(item_of(list_pop_front(&head))->number, i);
    assert_null(list_pop_front(&head));
    assert_true(list_empty(&head));
}

TEST(list, safe_iteration_allows_unlinking_the_item)
{
    struct list head, odd;
    struct item items[5] = {0};
    list_init(&odd);
    fill(&head, items, 5);
    LIST_FOR_EACH_SAFE(at, &head)
    {
        if (item_of(at)->number % 2 == 0) continue;
        list_remove(at);
        list_push_back(&odd, at);
    }
    assert_int_equal(digits(&head), 24);
    assert_int_equal(digits(&odd), 135);
}
