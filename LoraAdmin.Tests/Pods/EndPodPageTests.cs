using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class EndPodPageTests : LoraBunitContext
{
    private readonly PagePodQueries queries;
    private readonly PagePodDesk desk = new();

    public EndPodPageTests()
    {
        queries = new PagePodQueries(Clock);
        Services.AddSingleton<IPodQueries>(queries);
        Services.AddSingleton<IPodDesk>(desk);
    }

    [Fact]
    public void End_WithProof_NeedsOnlyAReason()
    {
        desk.Ends.Enqueue(new EndPodOutcome.Noted(FileProof.InStorage));
        Open(PodWant.Held);
        Assert.True(Button("End the pod").HasAttribute("disabled"));
        Dialogs.Find("#end-reason").Input("not worth its disk");
        Button("End the pod").Click();

        Assert.Equal(("pod00001", "not worth its disk", false, new Actor(ActorKind.Person, "ada")), Assert.Single(desk.Ended));
        Assert.Contains("the file lies verified in storage", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void End_FileAtRisk_NamesTheRiskAndWantsTheIdTyped()
    {
        desk.Ends.Enqueue(new EndPodOutcome.FileAtRisk());
        desk.Ends.Enqueue(new EndPodOutcome.Noted(FileProof.Override));
        Open(PodWant.Held);
        Dialogs.Find("#end-reason").Input("not worth its disk");
        Button("End the pod").Click();
        Assert.Contains("A trained file may be lost for ever", Dialogs.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Dialogs.Find("#end-typed").Input("pod0000");
        Assert.True(Button("End it and risk the file").HasAttribute("disabled"));

        Dialogs.Find("#end-typed").Input("pod00001");
        Button("End it and risk the file").Click();

        Assert.Equal([false, true], desk.Ended.Select(end => end.EvenWithItsFile));
        Assert.Contains("a person took the responsibility", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void End_NeededPod_WarnsAndLeadsToTheJob()
    {
        Open(PodWant.Needed);

        Assert.Contains("A job works with it", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Contains($"/training/{PodSamples.Job(1)}", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void End_GoneMeanwhile_SaysSo()
    {
        desk.Ends.Enqueue(new EndPodOutcome.NotFound());
        Open(PodWant.Held);
        Dialogs.Find("#end-reason").Input("not worth its disk");
        Button("End the pod").Click();

        Assert.Contains("it is verified gone", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void End_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        Open(PodWant.Held);
        Person.SetPolicies(Permissions.ReadPods);
        Dialogs.Find("#end-reason").Input("not worth its disk");
        Button("End the pod").Click();

        Assert.Empty(desk.Ended);
        Assert.Contains("You may not end pods", Dialogs.Markup, StringComparison.Ordinal);
    }

    private void Open(PodWant want)
    {
        LedgerPod row = PodSamples.Row(1, Start.AddHours(-1), want);
        queries.Ledger.Add(row);
        queries.List(Start, PodSamples.Of(row));
        IRenderedComponent<PodsPage> page = RenderPage<PodsPage>();
        page.WaitForAssertion(() => page.Find("[aria-label='End: pod pod00001']"));
        page.Find("[aria-label='End: pod pod00001']").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#end-reason"));
    }

    private AngleSharp.Dom.IElement Button(string text) => Dialogs.FindAll("button").Single(button => button.TextContent.Trim() == text);
}
