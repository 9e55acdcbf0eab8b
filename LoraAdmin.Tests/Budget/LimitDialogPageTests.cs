using AngleSharp.Dom;
using Bunit;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Setting another limit: with a reason, and below what the month has taken only with the word typed.</summary>
public sealed class LimitDialogPageTests : LoraBunitContext
{
    private readonly PageLimits desk = new();

    public LimitDialogPageTests() => Services.AddSingleton<IBudgetDesk>(desk);

    [Fact]
    public void Button_WithoutThePermission_IsNotThere()
    {
        Person.SetPolicies(Permissions.ReadBudget);

        Assert.Empty(RenderPage<LimitActions>().FindAll("button"));
    }

    [Fact]
    public void Limit_WithAReason_IsSetByThePerson()
    {
        Open();
        Assert.Equal(("200", "150"), (Value("#limit-money"), Value("#limit-warn")));
        Dialogs.Find("#limit-money").Input("180.50");
        Assert.True(Send.HasAttribute("disabled"));
        Dialogs.Find("#limit-reason").Input(" a quiet month ");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Single(desk.Wishes));
        (LimitWish wish, Actor actor) = desk.Wishes[0];
        Assert.Equal(new BudgetRules(BudgetSamples.Dollars(180.5m), BudgetSamples.Dollars(150)), wish.Rules);
        Assert.Equal((" a quiet month ", false, "ada"), (wish.Reason, wish.AllowBelow, actor.Name));
        Snackbars.WaitForAssertion(() => Assert.Contains("The limit is $180.50 a month.", Snackbars.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Limit_BelowWhatTheMonthHasTaken_WantsTheWordAtOnce()
    {
        Open();
        Dialogs.Find("#limit-warn").Input("40");
        Dialogs.Find("#limit-reason").Input("stop it");
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        Dialogs.Find("#limit-money").Input("50");
        Assert.Contains("$97.00 spent and $0.00 reserved are more than $50.00", Dialogs.Markup, StringComparison.Ordinal);
        Assert.True(Send.HasAttribute("disabled"));

        Dialogs.Find("#limit-word").Input("LOWER");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.True(Assert.Single(desk.Wishes).Wish.AllowBelow));
    }

    /// <summary>A nought too many would let jobs cost ten times what was meant.</summary>
    [Fact]
    public void Limit_ManyTimesThePresentOne_WantsAWord()
    {
        Open();
        Dialogs.Find("#limit-reason").Input("more to do");
        Dialogs.Find("#limit-money").Input("400");
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        Dialogs.Find("#limit-money").Input("100000");
        Assert.Contains("That is 500 times the present limit of $200.00.", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#limit-word").Input("LOWER");
        Assert.True(Send.HasAttribute("disabled"));

        Dialogs.Find("#limit-word").Input("RAISE");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Equal(
            (BudgetSamples.Dollars(100_000), false, true), (Assert.Single(desk.Wishes).Wish.Rules!.MonthlyLimit, desk.Wishes[0].Wish.AllowBelow, desk.Wishes[0].Wish.AllowRaise)));
    }

    /// <summary>What the configuration says needs no word; by the time that it is sent, the configuration says something else.</summary>
    [Fact]
    public void Limit_OfAConfigurationThatHasChangedMeanwhile_WantsTheWordWhenItIsSent()
    {
        BudgetLimit held = desk.Limit;
        desk.Limit = held with { Options = held.Rules with { MonthlyLimit = BudgetSamples.Dollars(1_000) } };
        Open();
        Dialogs.Find("#limit-money").Input("1000");
        Dialogs.Find("#limit-reason").Input("more to do");
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        desk.Limit = held;
        Send.Click();
        Dialogs.WaitForAssertion(() => Assert.Contains("Nothing was changed: the configuration says something else by now.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.True(Send.HasAttribute("disabled"));

        Dialogs.Find("#limit-word").Input("RAISE");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Equal([false, true], desk.Wishes.Select(asked => asked.Wish.AllowRaise)));
    }

    [Fact]
    public void Limit_BelowWhatTheMonthHasTakenMeanwhile_WantsTheWordWhenItIsSent()
    {
        desk.KnownTaken = BudgetSamples.Dollars(49);
        Open();
        Dialogs.Find("#limit-warn").Input("40");
        Dialogs.Find("#limit-money").Input("50");
        Dialogs.Find("#limit-reason").Input("stop it");
        Send.Click();
        Dialogs.WaitForAssertion(() => Assert.Contains("$97.00 spent and $0.00 reserved are more than $50.00", Dialogs.Markup, StringComparison.Ordinal));
        Assert.True(Send.HasAttribute("disabled"));

        Dialogs.Find("#limit-word").Input("LOWER");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Equal([false, true], desk.Wishes.Select(asked => asked.Wish.AllowBelow)));
    }

    [Fact]
    public void Limit_ChangedAfterTheWord_IsAskedForAgain()
    {
        Open();
        Dialogs.Find("#limit-warn").Input("40");
        Dialogs.Find("#limit-reason").Input("stop it");
        Dialogs.Find("#limit-money").Input("50");
        Dialogs.Find("#limit-word").Input("LOWER");
        Assert.False(Send.HasAttribute("disabled"));

        Dialogs.Find("#limit-money").Input("45");

        Assert.Contains("more than $45.00", Dialogs.Markup, StringComparison.Ordinal);
        Assert.True(Value("#limit-word") is null or "");
        Assert.True(Send.HasAttribute("disabled"));
        Dialogs.Find("#limit-money").Input("150");
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        Assert.False(Send.HasAttribute("disabled"));
    }

    [Fact]
    public void Limit_ThatGoesUpAndIsPassedAllTheSame_SaysSoAndWantsNoWord()
    {
        desk.Taken = BudgetSamples.Dollars(297);
        Open();
        Dialogs.Find("#limit-money").Input("250");
        Dialogs.Find("#limit-reason").Input("a dear month");

        Assert.Contains("$297.00 spent and $0.00 reserved are more than $250.00", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        Assert.False(Send.HasAttribute("disabled"));
    }

    [Fact]
    public void Limit_ThatIsSoft_IsPassedByWhatIsSpentAlone()
    {
        desk.Taken = BudgetSamples.Dollars(297);
        Open();
        Dialogs.FindAll("input[name=limit-mode]")[1].Change("on");
        Dialogs.Find("#limit-money").Input("150");

        Assert.Contains("$297.00 spent is more than $150.00", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains("until the month is over", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", true)]
    [InlineData("0.01", false)]
    public void Limit_OfNothing_SaysWhatItDoes(string text, bool says)
    {
        Open();
        Dialogs.Find("#limit-money").Input(text);

        Assert.Equal(says, Dialogs.Markup.Contains("0: no job is admitted.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("-1", "A limit lies between 0 and")]
    [InlineData("12,5", "This is no amount of dollars")]
    [InlineData("", "This is no amount of dollars")]
    public void Limit_BadInput_SaysWhatIsWrongAndCanNotBeSent(string text, string problem)
    {
        Open();
        Dialogs.Find("#limit-reason").Input("a test");
        Dialogs.Find("#limit-money").Input(text);

        Dialogs.WaitForAssertion(() => Assert.Contains(problem, Dialogs.Markup, StringComparison.Ordinal));
        Assert.True(Send.HasAttribute("disabled"));
    }

    [Fact]
    public void WarningMark_AboveTheLimit_IsToldAtOnceAndCanNotBeSent()
    {
        Open();
        Dialogs.Find("#limit-reason").Input("a test");
        Dialogs.Find("#limit-warn").Input("200.01");

        Assert.Contains("It is above the limit of $200.00: nobody would be warned. Set it to the limit or below.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.True(Send.HasAttribute("disabled"));
        Dialogs.Find("#limit-warn").Input("200");
        Assert.False(Send.HasAttribute("disabled"));
    }

    [Fact]
    public void Limit_ThatTheDeskRefuses_SaysTheRemedy()
    {
        desk.Refusal = new FieldProblem("reason", "It is no reason.", "Say why.");
        Open();
        Dialogs.Find("#limit-reason").Input("a test");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("It is no reason. Say why.", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Limit_SetByAPerson_CanBeGivenBackToTheConfiguration()
    {
        desk.Limit = desk.Limit with { SetBy = new Actor(ActorKind.Person, "ada"), SetAt = Start, Reason = "a test" };
        Open();
        Dialogs.Find("#limit-reason").Input("over");
        Button(Dialogs, "Back to the configuration").Click();

        Dialogs.WaitForAssertion(() => Assert.Null(Assert.Single(desk.Wishes).Wish.Rules));
    }

    [Fact]
    public void Configuration_BelowWhatTheMonthHasTaken_WantsTheWordToo()
    {
        desk.Limit = desk.Limit with { SetBy = new Actor(ActorKind.Person, "ada"), SetAt = Start, Rules = new BudgetRules(BudgetSamples.Dollars(900), BudgetSamples.Dollars(800)) };
        desk.Taken = BudgetSamples.Dollars(300);
        Open();
        Dialogs.Find("#limit-reason").Input("over");
        Button(Dialogs, "Back to the configuration").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#limit-word"));
        Assert.Equal("200", Value("#limit-money"));
        Dialogs.Find("#limit-word").Input("LOWER");
        Button(Dialogs, "Back to the configuration").Click();

        Dialogs.WaitForAssertion(() => Assert.Equal([(null, false), (null, true)], desk.Wishes.Select(asked => (asked.Wish.Rules, asked.Wish.AllowBelow))));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public void Limit_ThatSomebodySetMeanwhile_IsShownAndJudgedAnew()
    {
        desk.Limit = desk.Limit with { Rules = new BudgetRules(BudgetSamples.Dollars(100), BudgetSamples.Dollars(80)) };
        desk.Taken = BudgetSamples.Dollars(180);
        Open();
        Dialogs.Find("#limit-money").Input("150");
        Dialogs.Find("#limit-reason").Input("a dear month");
        Assert.Empty(Dialogs.FindAll("#limit-word"));
        desk.Limit = desk.Limit with { Rules = new BudgetRules(BudgetSamples.Dollars(200), BudgetSamples.Dollars(80)), SetBy = new Actor(ActorKind.Person, "bea"), SetAt = Start, Reason = "a test" };

        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("bea has meanwhile set $200.00 a month (warning at $80.00, hard).", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Equal("150", Value("#limit-money"));
        Assert.True(Send.HasAttribute("disabled"));
        Dialogs.Find("#limit-word").Input("LOWER");
        Send.Click();
        Dialogs.WaitForAssertion(() => Assert.Equal([(100m, false), (200m, true)], desk.Wishes.Select(asked => (asked.Wish.Seen!.MonthlyLimit.Dollars, asked.Wish.AllowBelow))));
    }

    [Fact]
    public void Database_Away_SaysSoAndSetsNothing()
    {
        Open();
        desk.Away = "The database is away.";
        Dialogs.Find("#limit-reason").Input("a test");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("Nothing was changed: The database is away.", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Permission_TakenMeanwhile_IsAskedForAgain()
    {
        Open();
        Person.SetPolicies(Permissions.ReadBudget);
        Dialogs.Find("#limit-reason").Input("a test");
        Send.Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("You may not change the limit any more.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Empty(desk.Wishes);
    }

    private IElement Send => Button(Dialogs, "Change limit");

    private void Open()
    {
        IRenderedComponent<LimitActions> actions = RenderPage<LimitActions>();
        actions.WaitForAssertion(() => Button(actions, "Change limit"));
        Button(actions, "Change limit").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#limit-reason"));
    }

    private string? Value(string field) => Dialogs.Find(field).GetAttribute("value");
}
