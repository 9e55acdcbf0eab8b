namespace LoraAdmin.Tests.Architecture;

public sealed class ForbiddenCallTests
{
    [Fact]
    public void Source_OfEveryProject_MakesNoForbiddenCall() => Rule.Holds(ForbiddenCalls.Problems(Repository.Source));

    [Theory]
    [InlineData("private async void Load() { }", "async void")]
    [InlineData("Thread.Sleep(5);", "Thread.Sleep")]
    [InlineData("System.Threading.Thread .Sleep(5);", "Thread .Sleep")]
    [InlineData("var a = DateTime.Now;", "DateTime.Now")]
    [InlineData("var a = DateTimeOffset.UtcNow;", "DateTimeOffset.UtcNow")]
    [InlineData("var a = DateTime.Today;", "DateTime.Today")]
    [InlineData("var a = $\"{DateTime.UtcNow:O}\";", "DateTime.UtcNow")]
    [InlineData("await Task.Delay(5);", "Task.Delay")]
    [InlineData("await Task.Delay(TimeSpan.FromSeconds(5), cancellationToken);", "Task.Delay")]
    [InlineData("await Task.Delay(\n    Math.Max(a, clock),\n    stop);", "Task.Delay")]
    [InlineData("Func<int, Task> a = Task.Delay;", "Task.Delay")]
    public void Source_WrongSample_IsCaught(string text, string named) => Rule.Catches(named, ForbiddenCalls.Problems([new SourceFile("A.cs", text)]));

    [Theory]
    [InlineData("await Task.Delay(TimeSpan.FromSeconds(5), clock, stop);")]
    [InlineData("await Task.Delay(Next(a, b), TimeProvider.System);")]
    [InlineData("// DateTime.Now is forbidden.\nvar a = \"Thread.Sleep\";")]
    [InlineData("var a = clock.GetUtcNow();")]
    public void Source_RightSample_Passes(string text) => Rule.Holds(ForbiddenCalls.Problems([new SourceFile("A.cs", text)]));

    [Fact]
    public void Page_WithAForbiddenCall_IsCaught() =>
        Rule.Catches("DateTimeOffset.Now", ForbiddenCalls.Problems([new SourceFile("A.razor", "<p>@DateTimeOffset.Now</p>")]));
}
