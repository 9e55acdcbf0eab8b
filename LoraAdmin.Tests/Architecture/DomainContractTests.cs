namespace LoraAdmin.Tests.Architecture;

public sealed class DomainContractTests
{
    private const string Events = """
        public static class PodEvents
        {
            public const string Created = "pods.created";
            public const string Gone = "pods.gone";
        }
        """;

    private static SourceFile[] Product => [.. Repository.Source.Where(file => file.Parts[0] is "LoraAdmin" or "LoraAdmin.Domain")];

    private static SourceFile[] Domain => [.. Repository.Source.Where(file => file.Parts[0] == "LoraAdmin.Domain")];

    [Fact]
    public void Events_OfDomain_AreAppended() => Rule.Holds(DomainContracts.UnusedEvents(Domain, Product));

    [Fact]
    public void Events_OfDomain_SayTheirFeature() => Rule.Holds(DomainContracts.MisnamedEvents(Domain));

    [Fact]
    public void Events_OfDomain_AreFound() => Assert.Contains(DomainContracts.Events(Domain), found => found is { Class: "TrainingEvents", Value: "training.accepted" });

    [Fact]
    public void Ports_OfDomain_AreDocumented() => Rule.Holds(DomainContracts.UndocumentedPorts(Domain));

    [Fact]
    public void Event_ThatNobodyUses_IsCaught() => Rule.Catches(
        "PodEvents.Gone",
        DomainContracts.UnusedEvents(
            [new("LoraAdmin.Domain/Pods/PodPorts.cs", Events)],
            [new("LoraAdmin.Domain/Pods/PodWatch.cs", "// PodEvents.Gone\nunit.Append(PodEvents.Created);")]));

    [Theory]
    [InlineData("pods.gone", "training.gone", "training.gone")]
    [InlineData("pods.gone", "pods.Gone For Good", "pods.Gone For Good")]
    [InlineData("pods.gone", "pods.created", "PodEvents.Created and PodEvents.Gone")]
    public void Event_WithAWrongName_IsCaught(string right, string wrong, string named) => Rule.Catches(
        named, DomainContracts.MisnamedEvents([new SourceFile("LoraAdmin.Domain/Pods/PodPorts.cs", Events.Replace(right, wrong, StringComparison.Ordinal))]));

    [Theory]
    [InlineData("public interface IPodLedger;")]
    [InlineData("// Rows of pods.\npublic interface IPodLedger { }")]
    [InlineData("/// <summary></summary>\npublic interface IPodLedger;")]
    [InlineData("/// <summary>Rows of every pod.</summary>\nclass A;\n\npublic interface IPodLedger;")]
    public void Port_WithoutADocComment_IsCaught(string text) =>
        Rule.Catches("IPodLedger", DomainContracts.UndocumentedPorts([new SourceFile("LoraAdmin.Domain/Pods/PodPorts.cs", text)]));

    [Fact]
    public void Port_WithADocComment_Passes() => Rule.Holds(DomainContracts.UndocumentedPorts(
        [new SourceFile("A.cs", "/// <summary>Rows of every pod.</summary>\n[Obsolete]\npublic interface IPodLedger;")]));
}
