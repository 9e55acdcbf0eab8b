namespace LoraAdmin.Tests.Architecture;

public sealed class FeatureArrowTests
{
    [Fact]
    public void Features_OfTheProduct_KnowOnlyWhatTheyMay() => Rule.Holds(FeatureArrows.Problems(Repository.Product));

    [Fact]
    public void Features_OfDomain_MakeNoCircle() => Rule.Holds(FeatureArrows.Circles(Repository.Product));

    [Fact]
    public void Arrows_OfTheProduct_AreFound()
    {
        // If the reader of arrows went blind, the rule would hold for ever.
        Arrow[] found = [.. Repository.Product.SelectMany(FeatureArrows.Arrows)];

        Assert.Contains(found, arrow => arrow is { From: "Training", To: "Pods", OfDomain: true });
        Assert.Contains(found, arrow => arrow is { From: "Api", To: "Training", OfDomain: false });
        Assert.Contains(found, arrow => arrow is { From: "Pods", To: "Platform", OfDomain: false });
    }

    [Theory]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "using LoraAdmin.Domain.Training;", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "using static LoraAdmin.Domain.Training.FailureTable;", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "using J = global::LoraAdmin.Domain.Training.TrainingJob;", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "class A { Training.TrainingJob? job; }", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "class A { string b = $\"{Training.FailureTable.All}\"; }", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin.Domain/Access/A.cs", "using LoraAdmin.Domain.Library;", "Access must not know Domain.Library")]
    [InlineData("LoraAdmin.Domain/Alerts/A.cs", "using LoraAdmin.Domain.Operations;", "Alerts must not know Domain.Operations")]
    [InlineData("LoraAdmin.Domain/Shared/A.cs", "using LoraAdmin.Domain.Pods;", "Shared must not know Domain.Pods")]
    [InlineData("LoraAdmin.Domain/Storage/A.cs", "using LoraAdmin.Domain.Library;", "Storage must not know Domain.Library")]
    [InlineData("LoraAdmin.Domain/Surprises/A.cs", "", "not in the table of features")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "namespace LoraAdmin.Domain.Training;", "declares the namespace")]
    [InlineData("LoraAdmin.Domain/Training/A.cs", "global using LoraAdmin.Domain.Pods;", "global using")]
    [InlineData("LoraAdmin.Domain/Training/A.cs", "using LoraAdmin.Platform;", "Training must not know Platform")]
    [InlineData("LoraAdmin/Pods/A.cs", "using LoraAdmin.Training;", "Pods must not know Training")]
    [InlineData("LoraAdmin/Pods/A.cs", "class A { Training.TrainingOptions? options; }", "Pods must not know Training")]
    [InlineData("LoraAdmin/Pods/A.cs", "using LoraAdmin.Domain.Training;", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin/Pods/A.cs", "class A { Domain.Training.TrainingJob? job; }", "Pods must not know Domain.Training")]
    [InlineData("LoraAdmin/Training/A.razor", "@using LoraAdmin.Storage", "Training must not know Storage")]
    [InlineData("LoraAdmin/Training/A.cs", "using LoraAdmin.Api;", "Training must not know Api")]
    [InlineData("LoraAdmin/Platform/Data/A.cs", "using LoraAdmin.Budget;", "Platform must not know Budget")]
    [InlineData("LoraAdmin/Platform/Data/A.cs", "using LoraAdmin.Shell;", "Platform must not know Shell")]
    [InlineData("LoraAdmin/Platform/Data/A.cs", "using LoraAdmin.Domain.Budget;", "Platform must not know Domain.Budget")]
    [InlineData("LoraAdmin/Shell/A.cs", "using LoraAdmin.Library;", "Shell must not know Library")]
    [InlineData("LoraAdmin/_Imports.razor", "@using LoraAdmin.Training", "_Imports.razor must not know Training")]
    [InlineData("LoraAdmin/Surprises/A.cs", "", "not in the table of features")]
    public void Features_WrongSample_IsCaught(string path, string text, string named)
    {
        string[] found = [.. FeatureArrows.Problems([new SourceFile(path, text)])];

        Assert.Contains(found, problem => problem.Contains(named, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("LoraAdmin.Domain/Training/A.cs", "using LoraAdmin.Domain.Pods;\nusing LoraAdmin.Domain.Shared;\nnamespace LoraAdmin.Domain.Training;")]
    [InlineData("LoraAdmin.Domain/Pods/A.cs", "/// <summary>For LoraAdmin.Domain.Training.</summary>\nclass A { string b = \"Training.TrainingJob\"; }")]
    [InlineData("LoraAdmin/Training/A.cs", "using LoraAdmin.Platform.Data;\nusing LoraAdmin.Shell;\nusing LoraAdmin.Domain.Budget;")]
    [InlineData("LoraAdmin/Pods/A.cs", "class A { TimeSpan b = options.Training.Ticks; }")]
    [InlineData("LoraAdmin/Api/A.cs", "using LoraAdmin.Training;\nusing LoraAdmin.Access;")]
    [InlineData("LoraAdmin/Portal.cs", "using LoraAdmin.Training;\nusing LoraAdmin.Commands;")]
    public void Features_RightSample_Passes(string path, string text) => Rule.Holds(FeatureArrows.Problems([new SourceFile(path, text)]));

    [Fact]
    public void Features_InACircle_AreCaught()
    {
        SourceFile[] circle =
        [
            new("LoraAdmin.Domain/Pods/A.cs", "using LoraAdmin.Domain.Budget;"),
            new("LoraAdmin.Domain/Budget/A.cs", "using LoraAdmin.Domain.Library;"),
            new("LoraAdmin.Domain/Library/A.cs", "using LoraAdmin.Domain.Pods;"),
        ];

        Rule.Catches("Pods → Budget", FeatureArrows.Circles(circle));
        Rule.Holds(FeatureArrows.Circles(circle[..2]));
    }
}
